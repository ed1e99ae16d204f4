import { processSpecs } from '@daybook/test/support/specifications.ts';
import { priceRecording } from './price-recording.ts';
import { priceRecordingSpecs } from './price-recording.specs.ts';

processSpecs(priceRecording, priceRecordingSpecs);
