import { z } from 'zod';

/** Parameter: how many items a page holds. Text of the query string becomes a number. */
export function limit(usual: number, most: number): z.ZodDefault<z.ZodCoercedNumber> {
  return z.coerce.number().int().min(1).max(most).default(usual).meta({ description: 'Items of a page.' });
}

/** Parameter: where a page begins. */
export const cursor = z.string().max(2_000).optional().meta({ description: '`next` of the page before.' });

/** Parameter: an instant. */
export const instant = z.iso.datetime().meta({ description: 'ISO 8601, UTC.' });

/** A page of a list. */
export function page<Item extends z.ZodType>(
  item: Item,
): z.ZodObject<{ items: z.ZodArray<Item>; next: z.ZodNullable<z.ZodString> }, z.core.$strict> {
  return z.strictObject({
    items: z.array(item),
    next: z.string().nullable().meta({ description: '`cursor` of the next page; null at the end.' }),
  });
}
