import path from "node:path";
import { Marked, type Tokens } from "marked";
import { addressOf, relative, type Pages } from "./pages.ts";
import { frame } from "./frame.ts";

export interface Site {
  /** HTML by its path below the folder of the site. */
  readonly files: ReadonlyMap<string, string>;
  /** Each link that leads nowhere; empty when there are none. */
  readonly deadLinks: readonly string[];
}

interface Link {
  readonly page: string;
  readonly href: string;
}

/** Renders pages, and checks every link between them, anchors included. */
export function buildSite(pages: Pages, exists: (file: string) => boolean): Site {
  const files = new Map<string, string>();
  const anchors = new Map<string, ReadonlySet<string>>();
  const links: Link[] = [];
  for (const [page, text] of pages) {
    const ids = new Set<string>();
    const markdown = rendererOf(page, pages, ids, links);
    const body = markdown.parse(text, { async: false });
    anchors.set(page, ids);
    files.set(addressOf(page), frame({ page, body, pages }));
  }
  const isDead = ({ page, href }: Link): boolean => {
    const { target, anchor } = resolve(page, href);
    if (!pages.has(target)) return !exists(target);
    return anchor !== "" && !(anchors.get(target)?.has(anchor) ?? false);
  };
  const deadLinks = links.filter(isDead).map(({ page, href }) => `${page}: ${href}`);
  return { files, deadLinks };
}

function rendererOf(page: string, pages: Pages, ids: Set<string>, links: Link[]): Marked {
  return new Marked({
    gfm: true,
    renderer: {
      heading({ tokens, depth }: Tokens.Heading): string {
        const id = uniqueId(slugOf(tokens.map(({ raw }) => raw).join("")), ids);
        return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }: Tokens.Link): string {
        const text = this.parser.parseInline(tokens);
        if (/^[a-z]+:/i.test(href)) return `<a href="${href}">${text}</a>`;
        links.push({ page, href });
        const { target, anchor } = resolve(page, href);
        // Code is read in the repository: its address is not known here.
        if (!pages.has(target)) return text;
        return `<a href="${relative(page, target)}${anchor && `#${anchor}`}">${text}</a>`;
      },
    },
  });
}

/** The file that a link means, and the place in it. */
function resolve(page: string, href: string): { target: string; anchor: string } {
  const [file = "", anchor = ""] = href.split("#");
  const target = file === "" ? page : path.posix.join(path.posix.dirname(page), file);
  return { target, anchor };
}

/** As GitHub makes anchors of headings. */
function slugOf(heading: string): string {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");
}

function uniqueId(slug: string, ids: Set<string>): string {
  let id = slug;
  for (let count = 1; ids.has(id); count += 1) id = `${slug}-${count}`;
  ids.add(id);
  return id;
}
