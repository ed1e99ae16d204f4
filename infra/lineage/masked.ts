import { isSealed } from '@daybook/kernel/ports/outside.ts';

/** Stands where a value is sealed. */
const mask = '[sealed]';

/** A value of a row as explanations show it: whatever is sealed in it is masked, at any depth. */
export function masked(value: unknown): unknown {
  if (isSealed(value)) return mask;
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, masked(item)]));
}
