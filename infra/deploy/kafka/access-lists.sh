#!/bin/sh
# Lets Daybook's users at the brokers do what each needs, and nothing else. Run it once, with Kafka's own tools:
#
#   BOOTSTRAP=kafka-0:9093 ADMIN=admin.properties sh infra/deploy/kafka/access-lists.sh
#
# Users are named as the services are. Every service looks for the topics at its start; the command service creates them and sets
# their retention, and the others wait for that. Its relay alone writes to the topic of events; whoever consumes copies what it
# parks to the topic of dead letters beside it, and reads in groups of Kafka that begin with its name.
set -eu

acls() {
  "${KAFKA_ACLS:-kafka-acls.sh}" --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add "$@"
}

while read -r user resource pattern name operations; do
  set -- --allow-principal "User:$user" "--$resource" "$name" --resource-pattern-type "$pattern"
  for operation in $(echo "$operations" | tr , ' '); do set -- "$@" --operation "$operation"; done
  acls "$@" </dev/null
done <<'LISTS'
command-service topic prefixed daybook. Describe,DescribeConfigs
query-service topic prefixed daybook. Describe,DescribeConfigs
projectors topic prefixed daybook. Describe,DescribeConfigs
sagas topic prefixed daybook. Describe,DescribeConfigs
scrapers topic prefixed daybook. Describe,DescribeConfigs
command-service topic literal daybook.events.v1 Create,AlterConfigs
command-service topic literal daybook.events.v1.dead-letters Create,AlterConfigs
command-service topic literal daybook.price-observations.v1 Create,AlterConfigs
command-service topic literal daybook.price-observations.v1.dead-letters Create,AlterConfigs
command-service topic literal daybook.scrape-requests.v1 Create,AlterConfigs
command-service topic literal daybook.scrape-requests.v1.dead-letters Create,AlterConfigs
command-service topic literal daybook.events.v1 Write
projectors topic literal daybook.events.v1 Read
projectors topic literal daybook.events.v1.dead-letters Write
projectors group prefixed daybook.projectors. Read
sagas topic literal daybook.events.v1 Read
sagas topic literal daybook.events.v1.dead-letters Write
sagas topic literal daybook.price-observations.v1 Read
sagas topic literal daybook.price-observations.v1.dead-letters Write
sagas topic literal daybook.scrape-requests.v1 Write
sagas group prefixed daybook.sagas. Read
scrapers topic literal daybook.scrape-requests.v1 Read
scrapers topic literal daybook.scrape-requests.v1.dead-letters Write
scrapers topic literal daybook.price-observations.v1 Write
scrapers group prefixed daybook.scrapers. Read
LISTS
