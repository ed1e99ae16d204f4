import { registerContract } from './contract.ts';
import { eventStoreDbClauses, onServer, onStandIn } from './event-store.event-store-db-subject.ts';

const given = process.env['EVENTSTORE_URL'] ?? '';

if (given === '') {
  registerContract('event store', 'EventStoreDB (stand-in)', eventStoreDbClauses, onStandIn);
} else {
  registerContract('event store', 'EventStoreDB (of EVENTSTORE_URL)', eventStoreDbClauses, () =>
    onServer(given),
  );
}
