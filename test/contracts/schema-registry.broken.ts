import { memorySchemaRegistry } from '@daybook/infra/registry/memory.ts';
import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import type { Broken, Subject } from './contract.ts';
import type { RegistrySubject } from './schema-registry.contract.ts';

type Break = (registry: SchemaRegistry) => Partial<SchemaRegistry>;

/** A registry that checks nothing. */
function careless(): SchemaRegistry {
  const subjects = new Map<string, string[]>();
  const schemas: string[] = [];
  const idOf = (schema: string): number => schemas.indexOf(schema) + 1;
  return {
    register: async (subject, schema) => {
      if (idOf(schema) === 0) schemas.push(schema);
      subjects.set(subject, [...new Set([...(subjects.get(subject) ?? []), schema])]);
      return idOf(schema);
    },
    schemaOf: async (id) => schemas[id - 1] ?? '',
    versions: async (subject) =>
      (subjects.get(subject) ?? []).map((schema, n) => ({ id: idOf(schema), version: n + 1, schema })),
  };
}

/** A registry that gives ids of its own by what `idFor` makes of subject and schema. */
function renumbered(
  registry: SchemaRegistry,
  idFor: (subject: string, schema: string, register: () => Promise<number>) => Promise<number>,
): Partial<SchemaRegistry> {
  const schemas = new Map<number, string>();
  return {
    register: async (subject, schema) => {
      const id = await idFor(subject, schema, () => registry.register(subject, schema));
      schemas.set(id, schema);
      return id;
    },
    schemaOf: async (id) => schemas.get(id) ?? registry.schemaOf(-1),
    versions: async (subject) =>
      (await registry.versions(subject)).map((entry) => ({
        ...entry,
        id: [...schemas].find(([, schema]) => schema === entry.schema)?.[0] ?? entry.id,
      })),
  };
}

const faults: readonly Readonly<{ name: string; clause: string; breaks: Break }>[] = [
  {
    name: 'checks no compatibility',
    clause: 'refuses-the-unreadable',
    breaks: careless,
  },
  {
    name: 'takes any text for a schema',
    clause: 'refuses-what-is-no-schema',
    breaks: (registry) => ({
      register: (subject, schema) =>
        registry.register(subject, schema).catch(() => registry.register(subject, '"string"')),
    }),
  },
  {
    name: 'compares with the last version only',
    clause: 'refuses-over-all-versions',
    breaks: (registry) => {
      const last = new Map<string, string>();
      return {
        register: async (subject, schema) => {
          const trial = memorySchemaRegistry();
          await trial.register(subject, last.get(subject) ?? schema);
          await trial.register(subject, schema);
          last.set(subject, schema);
          return registry.register(subject, schema).catch((error: unknown) => {
            if (isDaybookError(error, 'schema-incompatible')) return 77;
            throw error;
          });
        },
      };
    },
  },
  {
    name: 'forgets what is registered',
    clause: 'finds-the-same-schema',
    breaks: (registry) => {
      let next = 100;
      return {
        register: async (subject, schema) => {
          await registry.register(subject, schema);
          return (next += 1);
        },
      };
    },
  },
  {
    name: 'counts ids per subject',
    clause: 'one-schema-one-id',
    breaks: (registry) => ({
      register: async (subject, schema) => {
        const id = await registry.register(subject, schema);
        return (await registry.versions(subject)).find((entry) => entry.id === id)?.version ?? id;
      },
    }),
  },
  {
    name: 'compares schemas as text',
    clause: 'ignores-spacing-and-key-order',
    breaks: (registry) => {
      const texts: string[] = [];
      return renumbered(registry, async (_, schema, register) => {
        await register();
        return texts.includes(schema) ? texts.indexOf(schema) + 1 : texts.push(schema);
      });
    },
  },
  {
    name: 'answers unknown ids with nothing',
    clause: 'names-unknown-ids',
    breaks: (registry) => ({ schemaOf: (id) => registry.schemaOf(id).catch(() => '') }),
  },
  {
    name: 'lists the newest first',
    clause: 'lists-versions-oldest-first',
    breaks: (registry) => ({
      versions: async (subject) => [...(await registry.versions(subject))].reverse(),
    }),
  },
  {
    name: 'finds subjects by prefix',
    clause: 'knows-no-unknown-subject',
    breaks: (registry) => {
      const subjects: string[] = [];
      return {
        register: (subject, schema) => {
          subjects.push(subject);
          return registry.register(subject, schema);
        },
        versions: (subject) =>
          registry.versions(subjects.find((name) => name.startsWith(subject)) ?? subject),
      };
    },
  },
  {
    name: 'keeps what it refused',
    clause: 'leaves-nothing-of-a-refusal',
    breaks: (registry) => {
      const refused = new Map<string, string>();
      return {
        register: async (subject, schema) =>
          registry.register(subject, schema).catch((error: unknown) => {
            refused.set(subject, schema);
            throw error;
          }),
        versions: async (subject) => {
          const schema = refused.get(subject);
          const kept = schema === undefined ? [] : [{ id: 99, version: 99, schema }];
          return [...(await registry.versions(subject)), ...kept];
        },
      };
    },
  },
  {
    name: 'looks first and writes later',
    clause: 'agrees-on-one-id',
    breaks: (registry) => {
      const ids = new Map<string, number>();
      let next = 0;
      return renumbered(registry, async (_, schema, register) => {
        const known = ids.get(schema);
        const id = known ?? (next += 1);
        await register();
        ids.set(schema, id);
        return id;
      });
    },
  },
  {
    name: 'gives ids that the framing cannot hold',
    clause: 'fits-the-framing',
    breaks: (registry) => ({
      register: async (subject, schema) => (await registry.register(subject, schema)) + 2 ** 32,
    }),
  },
];

/** Registries that break one promise each, over the memory adapter. */
export const brokenSchemaRegistries: readonly Broken<RegistrySubject>[] = [
  ...faults.map(({ name, clause, breaks }) => ({
    name,
    clause,
    make: () => {
      const whole = memorySchemaRegistry();
      const registry = { ...whole, ...breaks(whole) };
      return subject(registry, () => registry);
    },
  })),
  ...(['gives-back-what-was-registered', 'refuses-one-of-two-rivals'] as const).map((clause) => ({
    name: 'keeps schemas to each process',
    clause,
    make: () => subject(memorySchemaRegistry(), () => memorySchemaRegistry()),
  })),
];

function subject(registry: SchemaRegistry, another: () => SchemaRegistry): Promise<Subject<RegistrySubject>> {
  return Promise.resolve({ port: { registry, another }, close: () => Promise.resolve() });
}
