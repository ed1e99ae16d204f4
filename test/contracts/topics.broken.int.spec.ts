import { registerBroken } from './contract.ts';
import { brokenTopics } from './topics.broken.ts';
import { topicsClauses } from './topics.contract.ts';

registerBroken('topics', topicsClauses, brokenTopics);
