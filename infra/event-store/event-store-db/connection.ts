import { EventStoreDBClient } from '@eventstore/db-client';
import { DaybookError } from '@daybook/kernel/errors.ts';

/** Options of a connection string, as the driver compares them. That appends fail by an error is not to be changed. */
const options = new Set(
  [
    ...['tls', 'tlsVerifyCert', 'tlsCAFile', 'userCertFile', 'userKeyFile', 'nodePreference'],
    ...['maxDiscoverAttempts', 'discoveryInterval', 'gossipTimeout', 'connectionName'],
    ...['defaultDeadline', 'keepAliveInterval', 'keepAliveTimeout'],
  ].map((option) => option.toLowerCase()),
);

/**
 * The driver's client of a server, which shows the name in its logs; nothing is sent yet. The driver repeats the URL, with
 * the password, in what it says of it and prints of options that it does not know or has no use for: neither gets out.
 * @throws DaybookError `configuration-invalid`
 */
export function connectTo(url: string, name: string): EventStoreDBClient {
  const [, query = ''] = url.split('?', 2);
  for (const pair of query.split('&')) {
    const [key = '', value = ''] = pair.split('=', 2).map((part) => part.trim());
    const option = key.toLowerCase().replaceAll(/[_-]/g, '');
    if (key !== '' && !options.has(option)) throw refused(`has an option that is not known: ${key}.`);
    if (option === 'tlsverifycert' && value === 'false') {
      throw refused('has tlsVerifyCert=false, which has no effect: name the authority by tlsCAFile.');
    }
  }
  try {
    return appendingInCallsOfTheirOwn(EventStoreDBClient.connectionString(connectionString(url, name)));
  } catch (error) {
    const missing = error instanceof Error && error.message.startsWith('Failed to load certificate');
    throw refused(
      missing
        ? 'names a file of certificates or keys that is not there.'
        : 'is no connection string of EventStoreDB: esdb://user:password@host:2113?tls=true.',
    );
  }
}

/**
 * Without batched appends, which the driver takes where the server knows them. Their answers go by way of one table for all
 * clients of a process: where one connection ends, the appends of the others fail, and an answer that comes to one of these
 * afterwards is an exception that nobody catches. They state their deadline as a time of day, which the server reads by its
 * own clock, and ask for the leader only where the first append of a connection did. A call of its own has none of that.
 */
function appendingInCallsOfTheirOwn(client: EventStoreDBClient): EventStoreDBClient {
  return Object.defineProperty(client, 'supports', { value: () => Promise.resolve(false) });
}

const refused = (what: string): DaybookError =>
  new DaybookError('configuration-invalid', `EVENTSTORE_URL ${what}`);

/** The URL with the name of the connection, where it gives none. */
function connectionString(url: string, name: string): string {
  // The driver knows the store by its former name only.
  const known = url.replace(/^(kurrentdb|kdb)(?=[+:])/, 'esdb');
  if (/[?&]connectionName=/i.test(known)) return known;
  return `${known}${known.includes('?') ? '&' : '?'}connectionName=${encodeURIComponent(name)}`;
}
