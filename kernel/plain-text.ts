/**
 * Controls (C0, DEL, C1: https://www.unicode.org/charts/PDF/U0080.pdf), line and paragraph separators, and what turns
 * the direction of text (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
 */
const control = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Whether a text is one line of what it looks like: no control, no line break, nothing that turns its direction. */
export function isPlain(text: string): boolean {
  return text.search(control) === -1;
}

/** A text as one plain line: each control is spelled out, such as `\u001b`. */
export function spelledOut(text: string): string {
  return text.replace(control, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
