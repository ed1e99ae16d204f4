import { z } from 'zod';
import { readFailpoints } from '../failpoints/plan.ts';

/** Schemas of the texts that stand in environment variables. */

export const wholeNumber = (min: number, max: number): z.ZodCoercedNumber =>
  z.coerce.number('must be a whole number').int().min(min).max(max);

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Schemas of durations: the reference page prints their defaults with a unit, as one writes them. */
const durations = new WeakSet<z.ZodType>();

/** `15`, `15m`, `1h`, `7d`, `30s`: a time in milliseconds; a bare number counts in `unit`. */
export function duration(unit: keyof typeof unitsMs): z.ZodType<number, string> {
  const schema = z
    .string()
    .regex(/^[1-9]\d{0,6}[smhd]?$/, 'must be a number with an optional unit s, m, h or d, such as 15m')
    .transform((text) => {
      const last = text.at(-1) ?? '';
      return Number.parseInt(text, 10) * unitsMs[last in unitsMs ? (last as keyof typeof unitsMs) : unit];
    });
  durations.add(schema);
  return schema;
}

/** Whether a schema reads a duration, also where it has a default or may be left out. */
export function isDuration(schema: z.ZodType): boolean {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodOptional)
    return isDuration(schema.unwrap() as z.ZodType);
  return durations.has(schema);
}

/** A time in milliseconds in the largest unit that keeps it whole: `30s`, `15m`, `1h`. */
export function durationText(ms: number): string {
  const [unit, size] = Object.entries(unitsMs).findLast(([, size]) => ms % size === 0) ?? ['s', unitsMs.s];
  return `${String(ms / size)}${unit}`;
}

/** Items between commas, without blanks and empty ones. */
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

export const flag = z.stringbool('must be true or false');

export const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http(s) URL' });

/** Scheme, host and port of a web page, as browsers send it in `Origin`. */
export const origins = list.refine(
  (items) => items.every((item) => URL.canParse(item) && new URL(item).origin === item),
  'must be origins such as https://app.example, separated by commas; * is not accepted',
);

/** Entries of `FAILPOINTS`; each that cannot be read is told. */
export const failpointPlans = z.string().transform((text, context) => {
  const { plans, problems } = readFailpoints(text);
  for (const problem of problems) context.addIssue(problem);
  return plans;
});
