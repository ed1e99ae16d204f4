import type pg from 'pg';
import type { Position, RecordedEvent } from '@daybook/kernel/event.ts';
import type { EventStore } from '@daybook/kernel/ports/event-store.ts';
import type { AnyProcess } from '@daybook/kernel/process.ts';
import { isOnEvents } from '../runtime/process-runner.ts';
import {
  instanceKey,
  routed,
  stepAll,
  type InstanceName,
  type ProcessChanges,
  type RoutedInput,
} from '../runtime/process-step.ts';
import { writeProcessChanges } from '../runtime/process-store.ts';

export type RemakeOptions = Readonly<{
  client: pg.PoolClient;
  eventStore: Pick<EventStore, 'readAll'>;
  process: AnyProcess;
  lost: readonly RecordedEvent[];
  /** Events up to there were taken in before. */
  agreed: Position;
}>;

/**
 * Makes the instances of a process anew that lost events have touched: those of which an event was lost that the process
 * handles, and those that had caused a lost event. They are folded from the log up to the position; effects are left out,
 * since they were done, but for those whose outcome is lost: these are done again, under their ids. Answers with how many
 * instances there were.
 */
export async function remakeInstances(options: RemakeOptions): Promise<number> {
  const { client, process, lost } = options;
  if (!isOnEvents(process)) return 0;
  const { inputs, touched } = await inputsOfTouched(options);
  if (touched.size === 0) return 0;
  const names = [...touched.values()];
  await forgetInstances(client, process.name, names);
  const { rows } = await client.query<{ now: string }>('select clock_timestamp() as now');
  const changes = stepAll(process, inputs, new Map(), rows[0]?.now ?? '');
  await writeProcessChanges(client, process.name, await onlyLost(client, changes, lost));
  return names.length;
}

type Touched = Readonly<{ inputs: readonly RoutedInput[]; touched: ReadonlyMap<string, InstanceName> }>;

/** Reads the log twice: whom lost events have touched is known only once it was read. */
async function inputsOfTouched({ eventStore, process, lost, agreed }: RemakeOptions): Promise<Touched> {
  const causes = new Set(lost.flatMap(({ metadata }) => metadata.causationId ?? []));
  const touched = new Map<string, InstanceName>(
    routed(process, lost).map((input) => [instanceKey(input), nameOf(input)]),
  );
  const each = async (take: (event: RecordedEvent, input: RoutedInput) => void): Promise<void> => {
    for await (const page of eventStore.readAll()) {
      for (const event of page) {
        if (event.position > agreed) return;
        for (const input of routed(process, [event])) take(event, input);
      }
    }
  };
  await each((event, input) => {
    if (causes.has(event.id)) touched.set(instanceKey(input), nameOf(input));
  });
  const inputs: RoutedInput[] = [];
  if (touched.size > 0) {
    await each((_, input) => {
      if (touched.has(instanceKey(input))) inputs.push(input);
    });
  }
  return { inputs, touched };
}

function nameOf({ tenantId, instanceId }: InstanceName): InstanceName {
  return { tenantId, instanceId };
}

/** Effects that wait stay: what lost events asked for is gone already. */
async function forgetInstances(
  client: pg.PoolClient,
  process: string,
  names: readonly InstanceName[],
): Promise<void> {
  for (const table of ['runtime.timers', 'runtime.process_instances']) {
    await client.query(
      `delete from ${table} t using json_to_recordset($2::json) as r("tenantId" text, "instanceId" text)
       where t.process = $1 and t.tenant_id = r."tenantId" and t.instance_id = r."instanceId"`,
      [process, JSON.stringify(names)],
    );
  }
}

async function onlyLost(
  client: pg.PoolClient,
  changes: ProcessChanges,
  lost: readonly RecordedEvent[],
): Promise<ProcessChanges> {
  const commands = new Set(lost.map(({ metadata }) => metadata.commandId));
  const again = changes.effects.filter(({ id }) => commands.has(id));
  const { rows } = await client.query<{ id: string }>('select id from runtime.effects where id = any($1)', [
    again.map(({ id }) => id),
  ]);
  const waiting = new Set(rows.map(({ id }) => id));
  return { ...changes, effects: again.filter(({ id }) => !waiting.has(id)) };
}
