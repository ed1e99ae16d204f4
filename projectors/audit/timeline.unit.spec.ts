import { projectionSpecs } from '@daybook/test/support/specifications.ts';
import { timeline } from './timeline.ts';
import { timelineSpecs } from './timeline.specs.ts';

projectionSpecs(timeline, timelineSpecs);
