import { jest } from '@jest/globals';
import { describeWithEngines } from '../engines/engine-suite.ts';
import { registerContract } from './contract.ts';
import { eventStoreDbClauses, onServer } from './event-store.event-store-db-subject.ts';

jest.setTimeout(60_000);

describeWithEngines('EventStoreDB', ['eventstoredb'], (url) => {
  registerContract('event store', 'EventStoreDB (a server)', eventStoreDbClauses, () => onServer(url));
});
