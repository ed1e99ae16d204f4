import { registerBroken, registerContract } from './contract.ts';
import { brokenTimers } from './timers.broken.ts';
import { timersClauses } from './timers.contract.ts';
import { postgresTimers } from './timers.postgres-subject.ts';

registerContract('timers', 'postgres', timersClauses, postgresTimers());
registerBroken('timers', timersClauses, brokenTimers);
