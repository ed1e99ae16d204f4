import { jsonrepair } from 'jsonrepair';
import { localName, type Item, type Value } from './item.ts';

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
type Node = { [key: string]: Json };

/** Deeper nesting than any product page has; a circle of `@id` references ends there. */
const maxDepth = 12;
/** More than any page carries for its product. Larger blocks are somebody's catalogue. */
const maxBlockChars = 2_000_000;

/**
 * The top-level items of a page's JSON-LD blocks: arrays and `@graph` laid flat, `@id` references resolved over all
 * blocks. Blocks that are no JSON are mended where possible (comments, trailing commas, raw line breaks, entities, several
 * objects in a row) and passed over otherwise.
 */
export function jsonLdItems(blocks: readonly string[]): readonly Item[] {
  const tops = blocks.flatMap((block) => topNodes(parse(block), 0));
  const byId = new Map<string, Node>();
  for (const node of tops) index(node, byId, 0);
  return tops.map((node) => toItem(node, byId, 0)).filter((item) => item !== null);
}

function parse(block: string): Json {
  if (block.length > maxBlockChars) return null;
  const bare = block
    .replace(/^\uFEFF/, '')
    .replace(/^\s*(?:<!--|\/\*\s*<!\[CDATA\[\s*\*\/|\/\/\s*<!\[CDATA\[|<!\[CDATA\[)/, '')
    .replace(/(?:-->|\/\*\s*\]\]>\s*\*\/|\/\/\s*\]\]>|\]\]>)\s*$/, '')
    .replace(/;\s*$/, '')
    .trim();
  if (bare === '') return null;
  for (const attempt of [
    () => bare,
    () => jsonrepair(bare),
    () => jsonrepair(bare.replace(/&quot;|&#34;/g, '"').replace(/&amp;/g, '&')),
  ]) {
    try {
      return JSON.parse(attempt()) as Json;
    } catch {
      // The next attempt mends more.
    }
  }
  return null;
}

function isNode(value: Json | undefined): value is Node {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function topNodes(value: Json, depth: number): Node[] {
  if (depth > maxDepth) return [];
  if (Array.isArray(value)) return value.flatMap((one) => topNodes(one, depth + 1));
  if (!isNode(value)) return [];
  const { '@graph': graph, ...rest } = value;
  if (graph === undefined) return [value];
  return [...topNodes(graph, depth + 1), ...('@type' in rest ? [rest] : [])];
}

/** Of several nodes with one id the fullest counts; a bare reference is no description. */
function index(value: Json, byId: Map<string, Node>, depth: number): void {
  if (depth > maxDepth) return;
  if (Array.isArray(value)) {
    for (const one of value) index(one, byId, depth + 1);
    return;
  }
  if (!isNode(value)) return;
  const id = value['@id'];
  if (typeof id === 'string' && size(value) > size(byId.get(id))) byId.set(id, value);
  for (const one of Object.values(value)) index(one, byId, depth + 1);
}

function size(node: Node | undefined): number {
  return node === undefined ? 0 : Object.keys(node).length;
}

function toItem(node: Node, byId: ReadonlyMap<string, Node>, depth: number): Item | null {
  if (depth > maxDepth) return null;
  const id = typeof node['@id'] === 'string' ? node['@id'] : null;
  const named = id === null ? undefined : byId.get(id);
  const full = named !== undefined && size(named) > size(node) ? { ...named, ...node } : node;
  const properties = new Map<string, Value[]>();
  for (const [key, json] of Object.entries(full)) {
    if (key.startsWith('@')) continue;
    const values = toValues(json, byId, depth + 1);
    const name = localName(key);
    if (values.length > 0) properties.set(name, [...(properties.get(name) ?? []), ...values]);
  }
  return { types: typesOf(full), id, properties };
}

function toValues(json: Json, byId: ReadonlyMap<string, Node>, depth: number): Value[] {
  if (json === null || depth > maxDepth) return [];
  if (Array.isArray(json)) return json.flatMap((one) => toValues(one, byId, depth + 1));
  if (!isNode(json)) return [json];
  if (json['@value'] !== undefined) return toValues(json['@value'], byId, depth + 1);
  if (json['@list'] !== undefined) return toValues(json['@list'], byId, depth + 1);
  const item = toItem(json, byId, depth);
  return item === null ? [] : [item];
}

function typesOf(node: Node): readonly string[] {
  const type = node['@type'] ?? node['type'] ?? [];
  return (Array.isArray(type) ? type : [type]).filter((one) => typeof one === 'string').map(localName);
}
