/**
 * Golden records: for each released version of each event and message, data as the log keeps it (JSON) and as topics
 * carry it (Avro, hex), written once and never changed; and whole streams as they were recorded over the versions.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Event, StreamName } from '@daybook/kernel/event.ts';
import { upcast } from '@daybook/schemas/contracts.ts';

export type GoldenCase = Readonly<{ name: string; data: unknown; /** Hexadecimal. */ avro?: string }>;

/** The cases of one version of a type. */
export type GoldenType = Readonly<{
  file: string;
  capability: string;
  type: string;
  version: number;
  cases: readonly GoldenCase[];
}>;

export type StoredEvent = Event & Readonly<{ schemaVersion: number }>;

export type GoldenStream = Readonly<{
  capability: string;
  stream: StreamName;
  /** As they stand in the log, each in its writer's version. */
  stored: readonly StoredEvent[];
  /** As today's code meets them. */
  events: readonly Event[];
}>;

const root = import.meta.dirname;

/** Every version of every type. */
export function goldenTypes(): readonly GoldenType[] {
  return capabilities().flatMap((capability) =>
    jsonFiles(join(root, capability)).map((file) => ({
      ...(read(file) as Pick<GoldenType, 'type' | 'version' | 'cases'>),
      file,
      capability,
    })),
  );
}

/** Every stream, brought up to date: what deciders and projections must fold. Optionally of one category. */
export function goldenStreams(category?: string): readonly GoldenStream[] {
  return capabilities()
    .flatMap((capability) =>
      jsonFiles(join(root, capability, 'streams')).map((file) => ({
        capability,
        ...(read(file) as { stream: StreamName; events: readonly StoredEvent[] }),
      })),
    )
    .filter(({ stream }) => category === undefined || stream.startsWith(`${category}-`))
    .map(({ capability, stream, events }) => ({
      capability,
      stream,
      stored: events,
      events: events.map(({ type, schemaVersion, data }) => ({
        type,
        data: upcast(type, schemaVersion, data) as Record<string, unknown>,
      })),
    }));
}

function capabilities(): readonly string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function jsonFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => join(folder, name));
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
