import assert from 'node:assert/strict';

import { isDaybookError, type ErrorCode } from '@daybook/kernel/errors.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';

import type { Clause } from './contract.ts';

/** A registry, and another one over the same schemas, as a second process has it. */
export type RegistrySubject = Readonly<{ registry: SchemaRegistry; another: () => SchemaRegistry }>;

type Field = Readonly<{ name: string; type: unknown; default?: unknown }>;

const record = (name: string, ...fields: readonly Field[]): string =>
  JSON.stringify({ type: 'record', name, namespace: 'contract', fields });

const id: Field = { name: 'id', type: 'string' };
const amount: Field = { name: 'amount', type: 'long' };

/** Three versions, each of which reads all that came before. */
const paid1 = record('Paid', id, amount);
const paid2 = record('Paid', id, { ...amount, default: 0 }, { name: 'note', type: 'string', default: '' });
const paid3 = record('Paid', id, { name: 'note', type: 'string', default: '' });
const subject = 'payments-contract.Paid';

async function refuses(work: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(work, (error) => isDaybookError(error, code));
}

const sameSchema = (a: string, b: string): void => {
  assert.deepEqual(JSON.parse(a), JSON.parse(b));
};

/** The promises of the `SchemaRegistry` port. */
export const schemaRegistryClauses: readonly Clause<RegistrySubject>[] = [
  {
    name: 'gives-back-what-was-registered',
    sentence: 'the schema of an id is the one that was registered, in every process',
    run: async ({ registry, another }) => {
      const one = await registry.register(subject, paid1);
      const two = await registry.register('payments-contract.Due', record('Due', id));
      for (const reader of [registry, another()]) {
        sameSchema(await reader.schemaOf(one), paid1);
        sameSchema(await reader.schemaOf(two), record('Due', id));
      }
    },
  },
  {
    name: 'fits-the-framing',
    sentence: 'ids are whole numbers from 1 that fit the four bytes of the framing',
    run: async ({ registry }) => {
      for (const schema of [paid1, paid2, paid3]) {
        const given = await registry.register(subject, schema);
        assert.ok(Number.isInteger(given) && given >= 1 && given <= 0x7fffffff, String(given));
      }
    },
  },
  {
    name: 'finds-the-same-schema',
    sentence:
      'registering a schema again gives its id and adds no version, also an old one and after newer ones',
    run: async ({ registry, another }) => {
      const first = await registry.register(subject, paid1);
      await registry.register(subject, paid2);
      assert.equal(await registry.register(subject, paid1), first);
      assert.equal(await another().register(subject, paid1), first);
      assert.equal((await registry.versions(subject)).length, 2);
    },
  },
  {
    name: 'ignores-spacing-and-key-order',
    sentence: 'a schema that is only spaced or ordered differently is the same schema',
    run: async ({ registry }) => {
      const first = await registry.register(subject, paid1);
      const turned = Object.fromEntries(
        Object.entries(JSON.parse(paid1) as Record<string, unknown>).reverse(),
      );
      assert.equal(await registry.register(subject, JSON.stringify(turned, null, 2)), first);
      assert.equal((await registry.versions(subject)).length, 1);
    },
  },
  {
    name: 'one-schema-one-id',
    sentence: 'the same schema has one id under every subject, different schemas have different ids',
    run: async ({ registry }) => {
      const here = await registry.register('a', paid1);
      assert.equal(await registry.register('b', paid1), here);
      assert.notEqual(await registry.register('b', paid2), here);
      assert.notEqual(await registry.register('c', record('Due', id)), here);
    },
  },
  {
    name: 'lists-versions-oldest-first',
    sentence: 'versions are numbered from 1 in the order of registration, each subject for itself',
    run: async ({ registry, another }) => {
      await registry.register('other', record('Due', id));
      const ids = [
        await registry.register(subject, paid1),
        await another().register(subject, paid2),
        await registry.register(subject, paid3),
      ];
      const versions = await another().versions(subject);
      assert.deepEqual(
        versions.map(({ id: given, version }) => [given, version]),
        ids.map((given, index) => [given, index + 1]),
      );
      versions.forEach(({ schema }, index) => sameSchema(schema, [paid1, paid2, paid3][index] ?? ''));
    },
  },
  {
    name: 'knows-no-unknown-subject',
    sentence: 'a subject nobody registered has no versions',
    run: async ({ registry }) => {
      await registry.register(subject, paid1);
      assert.deepEqual(await registry.versions('payments-contract'), []);
    },
  },
  {
    name: 'names-unknown-ids',
    sentence: 'an id no schema has is refused as schema-unknown',
    run: async ({ registry }) => {
      const known = await registry.register(subject, paid1);
      for (const unknown of [known + 1000, 0, -1, 0x7fffffff])
        await refuses(registry.schemaOf(unknown), 'schema-unknown');
    },
  },
  {
    name: 'refuses-the-unreadable',
    sentence: 'a schema that cannot read what the last one wrote is refused as schema-incompatible',
    run: async ({ registry }) => {
      await registry.register(subject, paid1);
      const misfits = [
        record('Paid', id, amount, { name: 'currency', type: 'string' }),
        record('Paid', id, { name: 'amount', type: 'string' }),
        record('Paid', id, { name: 'amount', type: 'int' }),
        record('Refunded', id, amount),
      ];
      for (const misfit of misfits) await refuses(registry.register(subject, misfit), 'schema-incompatible');
    },
  },
  {
    name: 'refuses-over-all-versions',
    sentence: 'a schema must read what every earlier version wrote, not only the last one',
    run: async ({ registry }) => {
      await registry.register(subject, paid1);
      await registry.register(subject, paid3);
      // Reads the second, which has no amount, but not the first, whose amount is a number.
      const retyped = record('Paid', id, { name: 'amount', type: 'string', default: '' });
      await refuses(registry.register(subject, retyped), 'schema-incompatible');
    },
  },
  {
    name: 'leaves-nothing-of-a-refusal',
    sentence: 'a refused schema is no version, and the next fitting one has the next number',
    run: async ({ registry }) => {
      await registry.register(subject, paid1);
      await refuses(
        registry.register(subject, record('Paid', amount, { name: 'x', type: 'string' })),
        'schema-incompatible',
      );
      await registry.register(subject, paid2);
      assert.deepEqual(
        (await registry.versions(subject)).map(({ version }) => version),
        [1, 2],
      );
    },
  },
  {
    name: 'refuses-what-is-no-schema',
    sentence: 'text that is no Avro schema is refused as schema-incompatible',
    run: async ({ registry }) => {
      for (const text of [
        '',
        '{',
        'null',
        '{"type":"record","name":"X"}',
        record('Y', { name: 'a', type: 'Unheard' }),
      ])
        await refuses(registry.register(subject, text), 'schema-incompatible');
      assert.deepEqual(await registry.versions(subject), []);
    },
  },
  {
    name: 'agrees-on-one-id',
    sentence: 'the same schema registered at the same time by several processes has one id and one version',
    run: async ({ registry, another }) => {
      const processes = [registry, another(), another()];
      const ids = await Promise.all(
        Array.from({ length: 24 }, (_, n) => (processes[n % 3] ?? registry).register(subject, paid1)),
      );
      assert.equal(new Set(ids).size, 1);
      assert.equal((await registry.versions(subject)).length, 1);
    },
  },
  {
    name: 'agrees-over-subjects',
    sentence: 'the same schema registered at the same time under several subjects has one id',
    run: async ({ registry, another }) => {
      const processes = [registry, another(), another()];
      const ids = await Promise.all(
        Array.from({ length: 12 }, (_, n) =>
          (processes[n % 3] ?? registry).register(`subject-${String(n)}`, paid1),
        ),
      );
      assert.equal(new Set(ids).size, 1);
    },
  },
  {
    name: 'numbers-without-gaps',
    sentence: 'different schemas registered at the same time each get a number of their own, without gaps',
    run: async ({ registry, another }) => {
      const processes = [registry, another()];
      const schemas = Array.from({ length: 8 }, (_, n) =>
        record('Paid', id, { name: `extra${String(n)}`, type: 'string', default: '' }),
      );
      const ids = await Promise.all(
        schemas.map((schema, n) => (processes[n % 2] ?? registry).register(subject, schema)),
      );
      const versions = await registry.versions(subject);
      assert.deepEqual(
        versions.map(({ version }) => version),
        [1, 2, 3, 4, 5, 6, 7, 8],
      );
      assert.deepEqual(new Set(versions.map((version) => version.id)), new Set(ids));
    },
  },
  {
    name: 'refuses-one-of-two-rivals',
    sentence: 'of two schemas that cannot read each other, registered at the same time, one is refused',
    run: async ({ registry, another }) => {
      const text = record('Paid', id, { name: 'amount', type: 'string' });
      const outcomes = await Promise.allSettled([
        registry.register(subject, paid1),
        another().register(subject, text),
      ]);
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
      assert.equal((await registry.versions(subject)).length, 1);
    },
  },
];
