/** Ids of schemas, asked of the registry once and kept: a schema never changes its id, nor an id its schema. */
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { SchemaRegistry } from '@daybook/kernel/ports/outside.ts';
import type { RecordSchema } from '@daybook/schemas/avro-schema.ts';
import {
  contractFor,
  contracts,
  decode,
  eventsTopic,
  laterDecoder,
  upcast,
  type EventContract,
} from '@daybook/schemas/contracts.ts';
import { fingerprint } from '@daybook/schemas/fingerprint.ts';

/** The subject of a contract's schemas, by topic and record name. */
export function subjectOf({ topic, fullName }: EventContract): string {
  return `${topic ?? eventsTopic}-${fullName}`;
}

/** Ids to write with. */
export type WriterIds = Readonly<{
  /** The id of a version, where it was asked for before. */
  known(type: string, version: number): number | undefined;
  /** Registers the versions of a type. @throws `schema-unknown` · `schema-incompatible` · `unavailable` */
  ask(type: string, version: number): Promise<number>;
}>;

/** Of events only or of messages only: an event on a topic of its own has no place in the log, a message never has. */
export function writerIds(registry: SchemaRegistry, kind: EventContract['kind']): WriterIds {
  const ids = new Map<string, readonly number[]>();
  const asking = new Map<string, Promise<void>>();

  /**
   * Oldest first: a registry that meets the second version first would refuse the first one, which cannot read what
   * the second wrote.
   */
  async function register(contract: EventContract): Promise<void> {
    const subject = subjectOf(contract);
    const found: number[] = [];
    for (const { version, schema } of contract.versions)
      found[version] = await registry.register(subject, JSON.stringify(schema));
    ids.set(contract.name, found);
  }

  return {
    known: (type, version) => ids.get(type)?.[version],
    async ask(type, version) {
      const contract = contractFor(type);
      if (contract.kind !== kind)
        throw new DaybookError('schema-incompatible', `The type is no ${kind}.`, { fields: { type } });
      const under = asking.get(type) ?? register(contract).finally(() => asking.delete(type));
      asking.set(type, under);
      await under;
      const id = ids.get(type)?.[version];
      if (id === undefined)
        throw new DaybookError('schema-unknown', 'This build does not know the version of the type.', {
          fields: { type, version },
        });
      return id;
    },
  };
}

/** Which version of which contract an id stands for. */
export type WrittenAs = Readonly<{
  contract: EventContract;
  /** Undefined for a later version than this build knows. */
  version?: number;
  /** Body to data of this build's current version. */
  read: (body: Uint8Array) => unknown;
}>;

/** Ids to read with. */
export type ReaderSchemas = Readonly<{
  known(id: number): WrittenAs | undefined;
  /** @throws `schema-unknown` where the registry does not know the id, or this build not the schema · `unavailable` */
  ask(id: number): Promise<WrittenAs>;
}>;

/** Asks a registry once for each id; an id never changes its schema. */
export function readerSchemas(registry: SchemaRegistry): ReaderSchemas {
  const found = new Map<number, WrittenAs>();
  return {
    known: (id) => found.get(id),
    async ask(id) {
      const schema = JSON.parse(await registry.schemaOf(id)) as RecordSchema;
      const writtenAs = match(schema);
      if (writtenAs === undefined)
        throw new DaybookError('schema-unknown', 'This build does not know the schema of the message.', {
          fields: { schemaId: id, name: schema.name },
        });
      found.set(id, writtenAs);
      return writtenAs;
    },
  };
}

/**
 * A later version, while the old build still runs beside the new one: it reads on as far as Avro resolves the two, and
 * otherwise does not know the schema.
 */
function later(contract: EventContract, schema: RecordSchema): WrittenAs | undefined {
  if (`${schema.namespace ?? ''}.${schema.name}` !== contract.fullName) return undefined;
  try {
    return { contract, read: laterDecoder(contract.name, schema) };
  } catch {
    return undefined;
  }
}

function match(schema: RecordSchema): WrittenAs | undefined {
  const contract = contracts.get(schema.name);
  const print = fingerprint(schema);
  if (contract === undefined) return undefined;
  const version = contract.versions.find((known) => known.fingerprint === print)?.version;
  if (version === undefined) return later(contract, schema);
  const { name } = contract;
  return { contract, version, read: (body) => upcast(name, version, decode(name, version, body)) };
}
