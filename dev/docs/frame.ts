import { relative, titleOf, type Pages } from "./pages.ts";

/** What stands beside every page, in its order; pages that are not named here come last. */
const NAVIGATION: readonly (readonly [heading: string, ...pages: string[]])[] = [
  ["leasehold", "README.md"],
  [
    "Start",
    "docs/start/cloudflare.md",
    "docs/start/vercel-next.md",
    "docs/start/node-express.md",
    "docs/start/bun.md",
    "docs/start/deno.md",
    "docs/start/nestjs.md",
  ],
  ["Understand", "docs/guarantees.md", "docs/lock-once-or-queue.md", "docs/how-we-know.md"],
  [
    "Use",
    "docs/recipes.md",
    "docs/jobs.md",
    "docs/idempotency.md",
    "docs/crons.md",
    "docs/queues-and-crons.md",
    "docs/hand-off.md",
    "docs/renewal-and-retries.md",
    "docs/locker.md",
    "docs/faq.md",
  ],
  ["Operate", "docs/redis.md", "docs/operating.md", "docs/errors.md"],
  [
    "Move",
    "docs/coming-from-upstash-lock.md",
    "docs/coming-from-redlock.md",
    "docs/coming-from-distributed-locker.md",
    "docs/coming-from-nestjs-redisx.md",
  ],
];

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 76rem; display: grid; grid-template-columns: 15rem minmax(0, 1fr); gap: 2rem; padding: 1rem; }
nav { font-size: 0.9rem; } nav h2 { font-size: 0.8rem; text-transform: uppercase; margin: 1.2rem 0 0.2rem; opacity: 0.7; }
nav ul { list-style: none; margin: 0; padding: 0; } nav [aria-current] { font-weight: 700; }
a { color: light-dark(#0550ae, #79b8ff); }
pre { overflow-x: auto; padding: 0.8rem; border-radius: 6px; font-size: 0.85rem; line-height: 1.4; }
pre, :not(pre) > code { background: light-dark(#f3f4f6, #22272e); } code { font-family: ui-monospace, monospace; }
:not(pre) > code { padding: 0.1em 0.3em; border-radius: 4px; font-size: 0.88em; }
table { display: block; overflow-x: auto; border-collapse: collapse; font-size: 0.9rem; }
th, td { border: 1px solid light-dark(#d0d7de, #444c56); padding: 0.3rem 0.6rem; text-align: left; vertical-align: top; }
@media (max-width: 50rem) { body { display: block; } }`;

export interface Frame {
  readonly page: string;
  readonly body: string;
  readonly pages: Pages;
}

/** A whole HTML document: works from a folder, without a server or a script. */
export function frame({ page, body, pages }: Frame): string {
  const named = new Set(NAVIGATION.flat());
  const others = [...pages.keys()].filter((other) => !named.has(other));
  const sections = [...NAVIGATION, ["More", ...others]].map(([heading = "", ...names]) => {
    const items = names.filter((name) => pages.has(name)).map((name) => item(page, name, pages));
    return `<h2>${heading}</h2>\n<ul>${items.join("\n")}</ul>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(titleOf(page, pages))}</title>
<style>${STYLE}</style>
</head>
<body>
<nav aria-label="Pages">${sections.join("\n")}</nav>
<main>${body}</main>
</body>
</html>
`;
}

function item(page: string, name: string, pages: Pages): string {
  const current = name === page ? ' aria-current="page"' : "";
  return `<li><a href="${relative(page, name)}"${current}>${escape(titleOf(name, pages))}</a></li>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
