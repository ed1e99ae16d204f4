/** Items in a page's own markup: microdata (WHATWG HTML 5) and RDFa Lite 1.1, which differ in the attributes' names. */
import type { CheerioAPI } from 'cheerio';
import { isTag, isText, type AnyNode, type Element } from 'domhandler';
import { localName, type Item, type Value } from './item.ts';

type Dialect = Readonly<{
  property: 'itemprop' | 'property';
  opensItem: (element: Element) => boolean;
  types: (element: Element) => string;
  id: (element: Element) => string | null;
}>;

const dialects = {
  microdata: {
    property: 'itemprop',
    opensItem: ({ attribs }) => 'itemscope' in attribs,
    types: ({ attribs }) => attribs['itemtype'] ?? '',
    id: ({ attribs }) => attribs['itemid'] ?? null,
  },
  rdfa: {
    property: 'property',
    opensItem: ({ attribs }) => 'typeof' in attribs,
    types: ({ attribs }) => attribs['typeof'] ?? '',
    id: ({ attribs }) => attribs['resource'] ?? attribs['about'] ?? null,
  },
} as const satisfies Record<string, Dialect>;

type Growing = { types: readonly string[]; id: string | null; properties: Map<string, Value[]> };

/** Elements whose attribute is their value (HTML 5.2.4, "Values"). */
const valueAttributes: Readonly<Record<string, string>> = {
  meta: 'content',
  a: 'href',
  area: 'href',
  link: 'href',
  img: 'src',
  source: 'src',
  iframe: 'src',
  object: 'data',
  data: 'value',
  meter: 'value',
  time: 'datetime',
};
const maxDepth = 1_000;

/** The top-level items of a page in one dialect. */
export function markupItems($: CheerioAPI, name: keyof typeof dialects): readonly Item[] {
  const dialect: Dialect = dialects[name];
  const tops: Item[] = [];
  const referred = new Set<Element>();

  function walk(nodes: readonly AnyNode[], owner: Growing | null, depth: number): void {
    if (depth > maxDepth) return;
    for (const node of nodes) {
      if (isTag(node)) visit(node, owner, depth);
    }
  }

  function visit(element: Element, owner: Growing | null, depth: number): void {
    const names = (element.attribs[dialect.property] ?? '').split(/\s+/).filter((one) => one !== '');
    if (!dialect.opensItem(element)) {
      if (owner !== null) add(owner, names, valueOf(element));
      walk(element.children, owner, depth + 1);
      return;
    }
    const item: Growing = {
      types: dialect
        .types(element)
        .split(/\s+/)
        .filter((one) => one !== '')
        .map(localName),
      id: dialect.id(element),
      properties: new Map(),
    };
    if (owner === null || names.length === 0) tops.push(item);
    else add(owner, names, item);
    walk(element.children, item, depth + 1);
    for (const id of (element.attribs['itemref'] ?? '').split(/\s+/).filter((one) => one !== '')) {
      const other = $(`[id="${id.replace(/["\\]/g, '\\$&')}"]`).get(0);
      if (other === undefined || referred.has(other)) continue;
      referred.add(other);
      visit(other, item, depth + 1);
    }
  }

  walk($.root().contents().get(), null, 0);
  return tops;
}

function add(owner: Growing, names: readonly string[], value: Value): void {
  for (const name of names) {
    const local = localName(name);
    const values = owner.properties.get(local);
    if (values === undefined) owner.properties.set(local, [value]);
    else values.push(value);
  }
}

/** `content` counts on every element: that is how shops use it, whatever the specification says of `span`. */
function valueOf(element: Element): string {
  const stated = element.attribs['content'] ?? element.attribs[valueAttributes[element.name] ?? ''];
  return stated ?? textOf(element);
}

/** Characters, and nodes, of a value: more is no name and no price, and what is nested is read once for each level. */
const longestText = 2_000;
const mostNodes = 2_000;

function textOf(element: Element): string {
  let text = '';
  let left = mostNodes;
  const gather = (nodes: readonly AnyNode[], depth: number): void => {
    for (const node of nodes) {
      if (text.length >= longestText || (left -= 1) < 0) return;
      if (isText(node)) text += node.data;
      else if (isTag(node) && depth < maxDepth) gather(node.children, depth + 1);
    }
  };
  gather(element.children, 0);
  return text.slice(0, longestText);
}
