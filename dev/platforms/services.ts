import type { Platform } from "./platform.ts";
export const services: readonly Platform[] = [];
