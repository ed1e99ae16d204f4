import type { EffectHandlers } from '@daybook/infra/runtime/effect-handlers.ts';
import type { AnyProcess } from '@daybook/kernel/process.ts';
import { identityEffects, type IdentityEffectPorts } from './identity/effects.ts';
import { provisioning } from './identity/provisioning.ts';
import { verificationMail } from './identity/verification-mail.ts';
import { priceChecks } from './market/price-checks.ts';
import { priceRecording } from './market/price-recording.ts';
import { operationsEffects, type OperationsEffectPorts } from './operations/effects.ts';
import { parkedActs } from './operations/parked-acts.ts';

/** Every process this service runs. */
export const allProcesses: readonly AnyProcess[] = [
  provisioning,
  verificationMail,
  priceChecks,
  priceRecording,
  parkedActs,
];

/** What the effects of all capabilities need of the outside. */
export type EffectPorts = IdentityEffectPorts & OperationsEffectPorts;

/** Every effect that a process may ask for. */
export function allEffects(ports: EffectPorts): EffectHandlers {
  return { ...identityEffects(ports), ...operationsEffects(ports) };
}
