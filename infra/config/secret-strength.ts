/** Words of placeholders that find their way into production. */
const placeholder =
  /change[-_ ]?me|your[-_ ]|example|placeholder|default|secret|password|passw0rd|development|insecure|qwerty|123456|\btest/i;

/** Why a secret of our own is not fit for production, or null where it is. */
export function weakness(text: string): string | null {
  if (text.length < 32) return 'is shorter than 32 characters';
  if (new Set(text).size < 10) return 'repeats too few characters';
  // A random secret holds one of these words by chance less than once in a million.
  if (placeholder.test(text)) return 'looks like a placeholder';
  return null;
}
