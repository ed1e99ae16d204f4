import { registerBroken, registerContract } from './contract.ts';
import { brokenMail, memoryMailSubject } from './mail.broken.ts';
import { mailClauses } from './mail.contract.ts';

registerContract('mail', 'memory', mailClauses, () => memoryMailSubject());
registerBroken('mail', mailClauses, brokenMail);
