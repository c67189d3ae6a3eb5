/** What is used of redlock 4, which has no types of its own. */
declare module "redlock" {
  interface Lock {
    unlock(): Promise<void>;
  }
  export default class Redlock {
    constructor(clients: readonly unknown[], options: { retryCount: number; retryDelay: number });
    lock(resource: string, ttlMs: number): Promise<Lock>;
  }
}
