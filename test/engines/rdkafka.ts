import { isDaybookError } from '@daybook/kernel/errors.ts';
import type { KafkaSettings } from '@daybook/infra/topics/kafka-client.ts';
import { loadRdkafka } from '@daybook/infra/topics/rdkafka-client.ts';

export type KafkaDriver = NonNullable<KafkaSettings['driver']>;

/** What carries messages, and why one of them cannot be tried; null where it can. */
export const kafkaDrivers: readonly Readonly<{ driver: KafkaDriver; lacks: string | null }>[] = [
  { driver: 'kafkajs', lacks: null },
  { driver: 'rdkafka', lacks: rdkafkaLacks() },
];

/** Why the native client cannot be used here; null where it can. */
export function rdkafkaLacks(): string | null {
  try {
    loadRdkafka();
    return null;
  } catch (error) {
    if (isDaybookError(error)) return error.message;
    throw error;
  }
}
