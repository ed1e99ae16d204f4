import type { ParkingLot } from '@daybook/infra/parking/parked-acts.ts';
import { ofOwnEngines, type EffectHandlers } from '@daybook/infra/runtime/effect-handlers.ts';
import type { ParkedAct } from './parked-acts.ts';

export type OperationsEffectPorts = Readonly<{ parking: ParkingLot }>;

/** What the processes of operations ask for. What was done before, or is not parked any more, is left alone. */
export function operationsEffects({ parking }: OperationsEffectPorts): EffectHandlers {
  return {
    actOnParked: async (input) => {
      const { act, ...target } = input as ParkedAct;
      await ofOwnEngines(() => parking[act](target));
    },
  };
}
