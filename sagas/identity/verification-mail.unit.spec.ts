import { processSpecs } from '@daybook/test/support/specifications.ts';
import { verificationMail } from './verification-mail.ts';
import { verificationMailSpecs } from './verification-mail.specs.ts';

processSpecs(verificationMail, verificationMailSpecs);
