import type { DaybookConfig } from '@daybook/infra/config/settings.ts';
import type { LogPlace } from '@daybook/infra/log-move/movable-log.ts';
import { DaybookError } from '@daybook/kernel/errors.ts';

type Config = Pick<DaybookConfig, 'database' | 'eventStore'>;

/**
 * The places that `--from` and `--to` name. What is refused is not repeated: passwords stand in connection strings.
 * @throws `configuration-invalid`
 */
export function logPlaces(
  { from, to }: Readonly<{ from: string; to: string }>,
  config: Config,
): Readonly<{ from: LogPlace; to: LogPlace }> {
  const places = { from: placeOf('--from', from, config), to: placeOf('--to', to, config) };
  if (nameOf(places.from) === nameOf(places.to)) {
    throw refused('--from and --to name one and the same log: there is nothing to move.');
  }
  return places;
}

const nameOf = (place: LogPlace): string => (place.kind === 'database' ? place.kind : place.url);

function placeOf(option: string, text: string, { database, eventStore }: Config): LogPlace {
  const [, scheme = text] = /^([^:]+):/.exec(text) ?? [];
  switch (scheme.toLowerCase()) {
    case 'postgres':
    case 'postgresql':
      if (text === 'postgresql' || text === database.url) return { kind: 'database' };
      throw refused(
        `${option} names another database than the installation's, and its log stands beside everything else of it. Say "postgresql", and name the installation by --data or DATABASE_URL.`,
      );
    case 'eventstoredb':
      if (eventStore.url !== undefined) return { kind: 'eventStoreDb', url: eventStore.url };
      throw refused(`${option} is "eventstoredb", and EVENTSTORE_URL names none.`);
    default:
      if (/^(esdb|kurrentdb|kdb)(\+discover)?:/i.test(text)) return { kind: 'eventStoreDb', url: text };
      throw refused(
        `${option} is neither "postgresql" nor "eventstoredb", and no connection string of an EventStoreDB (esdb://user:password@host:2113?tls=true).`,
      );
  }
}

const refused = (message: string): DaybookError => new DaybookError('configuration-invalid', message);
