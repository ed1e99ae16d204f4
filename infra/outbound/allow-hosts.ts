import { DaybookError } from '@daybook/kernel/errors.ts';

/**
 * The set of `host:port` entries of `OUTBOUND_ALLOW_HOSTS`. Each opens exactly one port of one host, written as a URL has
 * it (`127.0.0.1:8080`, `shop.internal:443`, `[::1]:8080`); there are no patterns.
 * @throws `configuration-invalid` naming the entry that is not one
 */
export function parseAllowHosts(entries: readonly string[]): ReadonlySet<string> {
  return new Set(
    entries.map((entry) => {
      const url = URL.parse(`http://${entry}`);
      const port = /:(\d{1,5})$/.exec(entry)?.[1];
      if (url === null || port === undefined || url.pathname !== '/' || url.username !== '') {
        throw new DaybookError('configuration-invalid', 'An allowed outbound host is not "host:port".', {
          fields: { variable: 'OUTBOUND_ALLOW_HOSTS', entry },
        });
      }
      return `${url.hostname}:${String(Number(port))}`;
    }),
  );
}
