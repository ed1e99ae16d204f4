import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { emailAddress } from './email-address.ts';
import { emailAddressSpecs } from './email-address.specs.ts';

deciderSpecs(emailAddress, emailAddressSpecs);
