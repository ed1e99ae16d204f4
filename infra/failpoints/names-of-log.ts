import { at } from './failpoint-place.ts';

/** What takes commands in, records them, and keeps what that needs. */
export const logFailpoints = {
  'append.writing': at(
    'infra/event-store/write-group.ts',
    'Nothing of the group is stored, and nobody was answered: each caller repeats with its key.',
    'K1',
  ),
  'append.sent': at(
    'infra/event-store/write-group.ts',
    'The statement is with PostgreSQL, which commits the whole group or none of it; a repeat finds out which.',
    'K2',
  ),
  'append.written': at(
    'infra/event-store/write-group.ts',
    'The whole group is stored and no caller of it was answered: a repeat gets the first result.',
    'K4',
  ),
  'command.sending': at(
    'infra/runtime/command-bus.ts',
    'Nothing is reserved and nothing recorded: a repeat begins anew.',
  ),
  'command.sent': at(
    'infra/runtime/command-bus.ts',
    'What had to be accepted first is recorded, the command itself is not: a repeat sends it again under the same ids and goes on.',
  ),
  'command.appending': at(
    'infra/runtime/command-bus.ts',
    'Decided, and not recorded: a repeat decides anew.',
    'K1',
  ),
  'command.appended': at(
    'infra/runtime/command-bus.ts',
    'Recorded, and the caller not answered: a repeat finds its command id in the stream and gets the first result.',
    'K3',
  ),
  'idempotency.claimed': at(
    'infra/http/idempotency.ts',
    'The key is claimed and nothing done: the claim runs out, and a repeat takes it over.',
  ),
  'idempotency.keeping': at(
    'infra/http/idempotency.ts',
    'The command is done, its answer neither kept nor sent: a repeat meets what it recorded and gets the first result.',
    'K3',
  ),
  'idempotency.kept': at(
    'infra/http/idempotency.ts',
    'The answer is kept and not sent: a repeat gets it.',
    'K3',
  ),
  'idempotency.releasing': at(
    'infra/http/idempotency.ts',
    'A failed request still holds its key: the claim runs out.',
  ),
  'idempotency.released': at(
    'infra/http/idempotency.ts',
    'A failed request gave its key back, and nobody was told of the failure: a repeat is handled at once.',
  ),
  'interface.sweeping': at(
    'infra/http/housekeeping.ts',
    'Old keys, nonces and counts stay: the next round removes them.',
  ),
  'interface.swept': at('infra/http/housekeeping.ts', 'Old keys, nonces and counts are gone.'),
  'relay.taking': at(
    'infra/relay/relay-lead.ts',
    'Nobody leads yet, or still another relay does: the next one that asks leads.',
  ),
  'relay.leading': at(
    'infra/relay/relay.ts',
    'The lease runs out, or the same instance starts again: another relay leads from the same checkpoint.',
  ),
  'relay.read': at('infra/relay/relay.ts', 'Nothing was published: the follower reads the page again.', 'K5'),
  'relay.encoded': at(
    'infra/relay/relay.ts',
    'Nothing was published: the follower reads and encodes the page again.',
    'K5',
  ),
  'relay.seized': at(
    'infra/relay/republish.ts',
    'A command leads in place of the relay and has published nothing: its lease runs out, a relay goes on, and the command is given again.',
  ),
  'relay.sent': at(
    'infra/relay/relay-output.ts',
    'PostgreSQL publishes the page and moves the checkpoint, both or neither: the follower goes on from where that left it. Another engine has published some of it, all or nothing: the follower publishes it again, and consumers know the repeats by their positions.',
    'K6',
  ),
  'relay.published': at(
    'infra/relay/relay-output.ts',
    'Through another engine the page is published and the checkpoint is not moved: the follower publishes it again, and consumers know the repeats by their positions.',
    'K7',
  ),
  'relay.forwarded': at(
    'infra/relay/relay.ts',
    'The page is published and the checkpoint moved: the follower goes on behind it.',
    'K7',
  ),
  'relay.keeping': at(
    'infra/relay/relay-lead.ts',
    'The lease is not renewed: it runs out, and another relay leads.',
  ),
  'relay.kept': at(
    'infra/relay/relay-lead.ts',
    'The lease is renewed for the last time: it runs out, and another relay leads.',
  ),
  'relay.resigning': at(
    'infra/relay/relay-lead.ts',
    'Everything is forwarded and the lead still held: its lease runs out.',
  ),
  'relay.resigned': at('infra/relay/relay-lead.ts', 'The lead is free: the next relay takes it at once.'),
  'snapshot.writing': at(
    'infra/runtime/snapshots.ts',
    'The snapshot is not kept: the stream is folded from an earlier one, or from its beginning.',
    'K27',
  ),
  'snapshot.written': at(
    'infra/runtime/snapshots.ts',
    'The snapshot is kept: the next fold begins at it.',
    'K27',
  ),
  'migration.writing': at(
    'infra/database/migrate.ts',
    'The migration is rolled back whole: the next start runs it again.',
    'K26',
  ),
  'migration.written': at(
    'infra/database/migrate.ts',
    'The migration is done and recorded: the next start goes on with the one after it.',
    'K26',
  ),
  'registry.registering': at(
    'infra/registry/postgres.ts',
    'The schema is rolled back: it is registered when it is next needed.',
  ),
  'registry.registered': at(
    'infra/registry/postgres.ts',
    'The schema is registered: the next one to ask gets its id.',
  ),
  'vault.making': at(
    'infra/vault/postgres.ts',
    'The data key is made in memory alone, and nothing is sealed with it.',
  ),
  'vault.made': at(
    'infra/vault/postgres.ts',
    'The data key is stored and nothing sealed with it yet: the repeat uses it.',
  ),
  'signingKeys.making': at(
    'infra/tokens/signing-keys.ts',
    'The key is made in memory alone, and nothing is signed with it.',
  ),
  'signingKeys.made': at(
    'infra/tokens/signing-keys.ts',
    'The key is stored and nothing signed with it yet: every process uses it.',
  ),
  'nonces.using': at(
    'infra/tokens/nonces.ts',
    'The signed request was not taken: its sender repeats it with a nonce of its own.',
  ),
  'nonces.used': at(
    'infra/tokens/nonces.ts',
    'The nonce is used up and nothing done: the sender repeats with another one.',
  ),
} as const;
