/** Every decider's specs, through the command bus and the event stores. */
import { emailAddress } from '@daybook/command-service/identity/email-address.ts';
import { emailAddressSpecs } from '@daybook/command-service/identity/email-address.specs.ts';
import { signup } from '@daybook/command-service/identity/signup.ts';
import { signupSpecs } from '@daybook/command-service/identity/signup.specs.ts';
import { tenant } from '@daybook/command-service/identity/tenant.ts';
import { tenantSpecs } from '@daybook/command-service/identity/tenant.specs.ts';
import { user } from '@daybook/command-service/identity/user.ts';
import { userSpecs } from '@daybook/command-service/identity/user.specs.ts';
import { workspace } from '@daybook/command-service/identity/workspace.ts';
import { workspaceSpecs } from '@daybook/command-service/identity/workspace.specs.ts';
import { marketSource } from '@daybook/command-service/market/market-source.ts';
import { marketSourceSpecs } from '@daybook/command-service/market/market-source.specs.ts';
import { product } from '@daybook/command-service/market/product.ts';
import { productSpecs } from '@daybook/command-service/market/product.specs.ts';
import { plan } from '@daybook/command-service/ops/plan.ts';
import { planSpecs } from '@daybook/command-service/ops/plan.specs.ts';
import { deciderThroughStores } from '../support/run-specs.ts';

deciderThroughStores(emailAddress, emailAddressSpecs);
deciderThroughStores(signup, signupSpecs);
deciderThroughStores(tenant, tenantSpecs);
deciderThroughStores(user, userSpecs);
deciderThroughStores(workspace, workspaceSpecs);
deciderThroughStores(marketSource, marketSourceSpecs);
deciderThroughStores(product, productSpecs);
deciderThroughStores(plan, planSpecs);
