import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { user } from './user.ts';
import { userSpecs } from './user.specs.ts';

deciderSpecs(user, userSpecs);
