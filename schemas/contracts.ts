/** The contracts of all events and topic messages, from the embedded schemas: nothing is read from disk. */
import { DaybookError } from '@daybook/kernel/errors.ts';
import type { RecordSchema } from './avro-schema.ts';
import { compileSchema, type AvroType } from './avro.ts';
import { releasedSchemas } from './contracts.generated.ts';
import { upcasters } from './upcasters.ts';

export {
  eventsTopic,
  priceObservationsTopic,
  scrapeRequestsTopic,
  topicContracts,
  type TopicContract,
} from './topics.ts';

/** One version of a contract. */
export type ContractVersion = Readonly<{
  version: number;
  /** Whole: every named type it uses stands inside. */
  schema: RecordSchema;
  /** SHA-256 (hex) of the schema without its docs. */
  fingerprint: string;
}>;

/** What is agreed about one type of event or topic message. */
export type EventContract = Readonly<{
  name: string;
  /** With the namespace: `daybook.market.PriceObserved`. */
  fullName: string;
  capability: string;
  kind: 'event' | 'message';
  currentVersion: number;
  /** Oldest first, from 1, without gaps. */
  versions: readonly ContractVersion[];
  /** Top-level fields, of any version, that are sealed at the boundary of the event store. */
  sealed: readonly Readonly<{ field: string; for: 'subject' | 'tenant' }>[];
  /** The field that holds the id of the person the fields sealed for `subject` are about. */
  subject?: string;
  /** Of an event: the category of its streams. */
  stream?: string;
  /** Of a message: its topic. */
  topic?: string;
  doc: string;
}>;

/** Events and topic messages by type name. */
export const contracts: ReadonlyMap<string, EventContract> = new Map(
  [...Map.groupBy(releasedSchemas, (released) => released.name)].map(([name, released]) => {
    const versions = released.map(({ version, schema, fingerprint }) => ({ version, schema, fingerprint }));
    const first = released[0];
    const current = versions[versions.length - 1];
    if (first === undefined || current === undefined) throw new Error('A contract has at least one version.');
    return [name, contractOf(name, first.capability, versions, current)];
  }),
);

/**
 * The version new data is written in.
 * @throws `schema-unknown`
 */
export function currentVersion(type: string): number {
  return contractFor(type).currentVersion;
}

/**
 * The contract of a type.
 * @throws `schema-unknown`
 */
export function contractFor(type: string): EventContract {
  const contract = contracts.get(type);
  if (contract === undefined)
    throw new DaybookError('schema-unknown', 'No contract has this type.', { fields: { type } });
  return contract;
}

/**
 * Confirms that data is exactly what its schema says: nothing missing, nothing more.
 * @throws `schema-unknown` · `schema-incompatible` naming the field's path (field `path`), never its value
 */
export function validate(type: string, version: number, data: unknown): void {
  avroType(type, version).validate(data);
}

/**
 * Data of the current version from data of any earlier one; the same object where it is current.
 * @throws `schema-unknown` for a version this build does not know
 */
export function upcast(type: string, version: number, data: unknown): unknown {
  const contract = contractFor(type);
  if (version === contract.currentVersion) return data;
  if (!contract.versions.some((known) => known.version === version)) throw unknownVersion(type, version);
  let value = data;
  for (let from = version; from < contract.currentVersion; from += 1) {
    const step = upcasters[type]?.[from];
    if (step === undefined) throw unknownVersion(type, from);
    value = step(value as never);
  }
  return value;
}

/**
 * Avro's binary form, behind `headroom` zero bytes (default 0) for a framing.
 * @throws `schema-unknown` · `schema-incompatible` naming the field's path, never its value
 */
export function encode(type: string, version: number, data: unknown, headroom = 0): Buffer {
  return avroType(type, version).encode(data, headroom);
}

/**
 * Plain data in the writer's version; `upcast` brings it up to date.
 * @throws `schema-unknown` · `schema-incompatible`
 */
export function decode(type: string, writerVersion: number, bytes: Uint8Array): unknown {
  return avroType(type, writerVersion).decode(bytes);
}

/**
 * How to read what a later version of a type wrote, as Avro resolves its schema against the current one. Lossy: what is
 * read so may be folded, and is never written on.
 * @throws `schema-incompatible` where the two cannot be resolved: the fact means something that this build does not know
 */
export function laterDecoder(type: string, writer: RecordSchema): (bytes: Uint8Array) => unknown {
  return avroType(type, currentVersion(type)).decoderOf(writer);
}

/**
 * Data of the log, which is JSON, that a later version wrote, as this build knows it. Lossy, as `laterDecoder` is.
 * @throws `schema-unknown` for a version that is not a later one, and for one that says what this build cannot know
 */
export function knownOfLater(type: string, version: number, data: unknown): unknown {
  const current = currentVersion(type);
  if (version <= current) throw unknownVersion(type, version);
  try {
    return avroType(type, current).known(data);
  } catch {
    throw unknownVersion(type, version);
  }
}

function contractOf(
  name: string,
  capability: string,
  versions: readonly ContractVersion[],
  { schema, version }: ContractVersion,
): EventContract {
  const sealed = new Map(
    versions
      .flatMap((one) => one.schema.fields)
      .flatMap((field) => (field.sealed === undefined ? [] : [[field.name, field.sealed] as const])),
  );
  return {
    name,
    fullName: `${schema.namespace ?? ''}.${name}`,
    capability,
    kind: schema.topic === undefined ? 'event' : 'message',
    currentVersion: version,
    versions,
    sealed: [...sealed].map(([field, owner]) => ({ field, for: owner })),
    ...(schema.subject === undefined ? {} : { subject: schema.subject }),
    ...(schema.stream === undefined ? {} : { stream: schema.stream }),
    ...(schema.topic === undefined ? {} : { topic: schema.topic }),
    doc: schema.doc ?? '',
  };
}

/** Compiled on first use, since a service uses a part of the contracts only. */
const compiled = new Map<string, AvroType[]>();

function avroType(type: string, version: number): AvroType {
  return compiled.get(type)?.[version] ?? compile(type, version);
}

function compile(type: string, version: number): AvroType {
  const known = contractFor(type).versions.find((one) => one.version === version);
  if (known === undefined) throw unknownVersion(type, version);
  const made = compileSchema(known.schema, { type, version });
  const ofType = compiled.get(type) ?? [];
  ofType[version] = made;
  compiled.set(type, ofType);
  return made;
}

function unknownVersion(type: string, version: number): DaybookError {
  return new DaybookError('schema-unknown', 'This build does not know the version of the type.', {
    fields: { type, version },
  });
}
