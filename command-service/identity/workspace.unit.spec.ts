import { deciderSpecs } from '@daybook/test/support/specifications.ts';
import { workspace } from './workspace.ts';
import { workspaceSpecs } from './workspace.specs.ts';

deciderSpecs(workspace, workspaceSpecs);
