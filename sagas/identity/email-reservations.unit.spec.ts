import { processSpecs } from '@daybook/test/support/specifications.ts';
import { emailReservations } from './email-reservations.ts';
import { emailReservationsSpecs } from './email-reservations.specs.ts';

processSpecs(emailReservations, emailReservationsSpecs);
