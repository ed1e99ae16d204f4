/** Ids of identity that people see. Each is made of a uuid, so that a repeated command gives the same. */

/** `proj-` and eight hexadecimal digits. */
export function workspaceIdFrom(uuid: string): string {
  return `proj-${digits(uuid, 8)}`;
}

/** `user-` and ten hexadecimal digits. */
export function userIdFrom(uuid: string): string {
  return `user-${digits(uuid, 10)}`;
}

/** The business's name as a slug, and six hexadecimal digits: `test-shop-c8e44f`. */
export function tenantIdFrom(businessName: string, uuid: string): string {
  return `${slug(businessName) || 'tenant'}-${digits(uuid, 6)}`;
}

/** Lower-case letters, digits and single hyphens, without accents, at most forty characters. */
export function slug(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{Mark}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, 40)
    .replace(/-$/, '');
}

/** One spelling for addresses that reach the same mailbox: no space around, composed characters, lower case. */
export function normalisedEmail(email: string): string {
  return email.trim().normalize('NFC').toLowerCase();
}

function digits(uuid: string, count: number): string {
  return uuid.replaceAll('-', '').slice(0, count);
}
