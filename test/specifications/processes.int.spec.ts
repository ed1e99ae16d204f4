/** Every process's specs, through the process runner and the timer loop on PostgreSQL. */
import { provisioning } from '@daybook/sagas/identity/provisioning.ts';
import { provisioningSpecs } from '@daybook/sagas/identity/provisioning.specs.ts';
import { verificationMail } from '@daybook/sagas/identity/verification-mail.ts';
import { verificationMailSpecs } from '@daybook/sagas/identity/verification-mail.specs.ts';
import { priceChecks } from '@daybook/sagas/market/price-checks.ts';
import { priceChecksSpecs } from '@daybook/sagas/market/price-checks.specs.ts';
import { priceRecording } from '@daybook/sagas/market/price-recording.ts';
import { priceRecordingSpecs } from '@daybook/sagas/market/price-recording.specs.ts';
import { processThroughRunner } from '../support/run-specs.ts';

processThroughRunner(provisioning, provisioningSpecs);
processThroughRunner(verificationMail, verificationMailSpecs);
processThroughRunner(priceChecks, priceChecksSpecs);
processThroughRunner(priceRecording, priceRecordingSpecs);
