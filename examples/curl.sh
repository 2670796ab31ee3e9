#!/usr/bin/env bash
# Buys two seats with curl, and cancels the booking: examples/curl.sh [URL] [THEATER]
#
# Each request has an id of the caller. So curl may repeat it after a timeout, a 429 or a 503, and it takes effect once.
set -euo pipefail

readonly theater=${1:-http://127.0.0.1:8000/v1}/theaters/${2:-grand-hall}

new_id() { cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen | tr '[:upper:]' '[:lower:]'; }

# call METHOD PATH [BODY]
call() {
    printf '\n%s %s %s\n' "$1" "$2" "${3:-}"
    curl --silent --show-error --fail-with-body --max-time 10 --retry 5 --retry-connrefused --write-out '\n%{http_code}\n' \
        --request "$1" ${3:+--header 'Content-Type: application/json' --data "$3"} "$theater$2"
}

reservation=$(new_id)
booking=$(new_id)

call GET '/seats?view=states'
call POST /reserve "{\"quantity\": 2, \"reservation_id\": \"$reservation\"}"
call GET "/reservations/$reservation"
call POST "/reservations/$reservation/extend" '{"expires_in": 900}'
call POST /book "{\"reservation_id\": \"$reservation\", \"booking_id\": \"$booking\"}"
# The same request again returns the same booking, with 200 in place of 201.
call POST /book "{\"reservation_id\": \"$reservation\", \"booking_id\": \"$booking\"}"
call DELETE "/bookings/$booking"
call GET "/bookings/$booking"
