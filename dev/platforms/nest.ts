import type { Platform } from "./platform.ts";
export const nest: readonly Platform[] = [];
