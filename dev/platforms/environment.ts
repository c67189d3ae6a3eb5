import path from "node:path";

/** Commands installed in this repository are not those of a newcomer, Node itself included. */
function pathOfHost(): string {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter);
  const own = path.join("node_modules", ".bin");
  return folders
    .filter((folder) => !folder.endsWith(own) && !folder.includes("node-gyp-bin"))
    .join(path.delimiter);
}

/** For npm, which needs its user's configuration: registry, proxy, cache. */
export function installEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: pathOfHost() };
}

/**
 * For what runs in a project: no proxy between it and loopback, no account, no telemetry, no look-up of
 * newer versions; what it caches goes away with the project.
 */
export function projectEnvironment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: pathOfHost(),
    ...inherited("LANG"),
    HOME: home,
    XDG_CONFIG_HOME: home,
    XDG_CACHE_HOME: home,
    TMPDIR: home,
    NO_COLOR: "1",
    DO_NOT_TRACK: "1",
    NEXT_TELEMETRY_DISABLED: "1",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    // The banner is what looks for a newer version.
    WRANGLER_HIDE_BANNER: "true",
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    DENO_DIR: path.join(home, "deno"),
    DENO_NO_UPDATE_CHECK: "1",
  };
}

function inherited(name: string): NodeJS.ProcessEnv {
  const value = process.env[name];
  return value === undefined ? {} : { [name]: value };
}
