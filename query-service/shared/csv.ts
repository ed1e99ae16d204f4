/**
 * Rows as CSV (RFC 4180), with a line of headings. Text that a spreadsheet would take for a formula gets an apostrophe
 * in front (https://owasp.org/www-community/attacks/CSV_Injection).
 */
export function csv<R extends object>(columns: readonly (keyof R & string)[], rows: readonly R[]): string {
  const lines = [
    columns.join(','),
    ...rows.map((row) => columns.map((column) => field(row[column])).join(',')),
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

function field(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return JSON.stringify(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
