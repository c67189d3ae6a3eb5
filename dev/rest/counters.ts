import type { RestCommand } from "./command.ts";

export interface LoggedCommand {
  readonly name: string;
  readonly script?: string;
  readonly at: number;
}

export interface CountersSnapshot {
  /** HTTP requests that carried commands. */
  readonly requests: number;
  /** Commands received: what Upstash would bill. */
  readonly commands: number;
  /** Commands sent to Redis; differs from `commands` under faults. */
  readonly applied: number;
  readonly byName: Readonly<Record<string, number>>;
  readonly byScript: Readonly<Record<string, number>>;
}

const LOG_LIMIT = 500;

/** What one session has sent. */
export class RestCounters {
  requests = 0;
  commands = 0;
  applied = 0;
  byName: Record<string, number> = {};
  byScript: Record<string, number> = {};
  /** The last commands received, oldest first. */
  log: LoggedCommand[] = [];

  received(commands: readonly RestCommand[]): void {
    const at = Date.now();
    this.requests += 1;
    this.commands += commands.length;
    for (const { name, script } of commands) {
      this.byName[name] = (this.byName[name] ?? 0) + 1;
      if (script !== undefined) {
        this.byScript[script] = (this.byScript[script] ?? 0) + 1;
      }
      this.log.push(script === undefined ? { name, at } : { name, script, at });
    }
    this.log.splice(0, this.log.length - LOG_LIMIT);
  }

  snapshot(): CountersSnapshot {
    const { requests, commands, applied } = this;
    return {
      requests,
      commands,
      applied,
      byName: { ...this.byName },
      byScript: { ...this.byScript },
    };
  }

  reset(): void {
    this.requests = 0;
    this.commands = 0;
    this.applied = 0;
    this.byName = {};
    this.byScript = {};
    this.log = [];
  }
}
