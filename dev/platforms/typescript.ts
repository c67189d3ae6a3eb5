import type { Platform } from "./platform.ts";
export const typescript: Platform = { name: "typescript", check: async () => "" };
