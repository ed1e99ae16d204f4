#!/bin/sh
# Lets Daybook's users at the brokers do what each needs, and nothing else. Run it once, with Kafka's own tools:
#
#   BOOTSTRAP=kafka-0:9093 ADMIN=admin.properties sh infra/deploy/kafka/access-lists.sh
#
# Users are named as the services are. Every service makes sure of the topics at its start. The relay of the command service
# alone writes to the topic of events; whoever consumes copies what it parks to the topic of dead letters beside it.
set -eu

acls() {
  "${KAFKA_ACLS:-kafka-acls.sh}" --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add "$@"
}

while read -r user resource pattern name operations; do
  set -- --allow-principal "User:$user" "--$resource" "$name" --resource-pattern-type "$pattern"
  for operation in $(echo "$operations" | tr , ' '); do set -- "$@" --operation "$operation"; done
  acls "$@" </dev/null
done <<'LISTS'
command-service topic prefixed daybook. Create,Describe,AlterConfigs
query-service topic prefixed daybook. Create,Describe,AlterConfigs
projectors topic prefixed daybook. Create,Describe,AlterConfigs
sagas topic prefixed daybook. Create,Describe,AlterConfigs
scrapers topic prefixed daybook. Create,Describe,AlterConfigs
command-service topic literal daybook.events.v1 Write
projectors topic literal daybook.events.v1 Read
projectors topic literal daybook.events.v1.dead-letters Write
projectors group literal * Read
sagas topic literal daybook.events.v1 Read
sagas topic literal daybook.events.v1.dead-letters Write
sagas topic literal daybook.price-observations.v1 Read
sagas topic literal daybook.price-observations.v1.dead-letters Write
sagas topic literal daybook.scrape-requests.v1 Write
sagas group literal * Read
scrapers topic literal daybook.scrape-requests.v1 Read
scrapers topic literal daybook.scrape-requests.v1.dead-letters Write
scrapers topic literal daybook.price-observations.v1 Write
scrapers group prefixed scrapers.reader. Read
LISTS
