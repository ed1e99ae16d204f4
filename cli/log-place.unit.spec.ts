import { describe, expect, test } from '@jest/globals';
import { logPlaces } from './log-place.ts';

const config = {
  database: { url: 'postgres://ada:lovelace@db/daybook', poolSize: 1, statementTimeoutMs: 1 },
  eventStore: { url: 'esdb://store:2113' },
};

describe('the log that a command line names', () => {
  test.each([
    ['postgresql', { kind: 'database' }],
    ['postgres://ada:lovelace@db/daybook', { kind: 'database' }],
    ['eventstoredb', { kind: 'eventStoreDb', url: 'esdb://store:2113' }],
    ['kurrentdb://other:2113?tls=false', { kind: 'eventStoreDb', url: 'kurrentdb://other:2113?tls=false' }],
    ['esdb+discover://other', { kind: 'eventStoreDb', url: 'esdb+discover://other' }],
  ])('%s', (from, place) => {
    expect(logPlaces({ from, to: 'esdb://a-third-one' }, config).from).toEqual(place);
  });

  test.each([
    ['postgresql', 'postgresql', 'one and the same log'],
    ['postgresql', 'postgres://ada:lovelace@db/daybook', 'one and the same log'],
    ['eventstoredb', 'esdb://store:2113', 'one and the same log'],
    ['postgres://ada:lovelace@db/other', 'eventstoredb', '--from names another database'],
    ['postgresql', 'https://ada:lovelace@store', '--to is neither "postgresql" nor "eventstoredb"'],
    ['lovelace', 'postgresql', '--from is neither'],
    ['postgresql', '', '--to is neither'],
  ])('from %j to %j is refused, and shown to nobody', (from, to, says) => {
    const refused = (): unknown => logPlaces({ from, to }, config);
    expect(refused).toThrow(says);
    expect(refused).not.toThrow('lovelace');
  });

  test('an EventStoreDB that nothing names is refused', () => {
    const without = { ...config, eventStore: { url: undefined } };
    expect(() => logPlaces({ from: 'postgresql', to: 'eventstoredb' }, without)).toThrow('EVENTSTORE_URL');
  });
});
