/** Things described in schema.org's vocabulary, whichever way a page carries them. */
export type Item = Readonly<{
  /** Local names: `Product`, not `https://schema.org/Product`. */
  types: readonly string[];
  id: string | null;
  /** By local name. */
  properties: ReadonlyMap<string, readonly Value[]>;
}>;

export type Value = string | number | boolean | Item;

/** `Product` of `https://schema.org/Product`, `schema:Product` or `http://data-vocabulary.org/Product`. */
export function localName(name: string): string {
  return name.replace(/^(https?:\/\/(www\.)?(schema|data-vocabulary)\.org\/|schema:)/i, '');
}

/** True for a value that is an item itself. */
export function isItem(value: Value | undefined): value is Item {
  return typeof value === 'object';
}

/** Whether an item is of one of the types, by their local names. */
export function isA(item: Item, ...types: readonly string[]): boolean {
  return item.types.some((type) => types.includes(type));
}

/** All values of a property, in the order of the page. */
export function valuesOf(item: Item, name: string): readonly Value[] {
  return item.properties.get(name) ?? [];
}

/** Those values of a property that are items. */
export function itemsOf(item: Item, name: string): readonly Item[] {
  return valuesOf(item, name).filter(isItem);
}

/** The first value that is not empty, as text; a nested item stands for its name or id. */
export function textOf(item: Item, name: string): string | null {
  for (const value of valuesOf(item, name)) {
    const text = isItem(value) ? (textOf(value, 'name') ?? value.id ?? '') : String(value);
    if (text.trim() !== '') return text.trim();
  }
  return null;
}
