#!/usr/bin/env bash
# Makes the keys and certificates of this folder anew; needs OpenSSL 3. The authorities' keys are thrown away.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LONG=21261031235959Z

authority() { # NAME
  openssl ecparam -name prime256v1 -genkey -noout -out "$work/$1.key"
  openssl req -x509 -new -key "$work/$1.key" -subj "/CN=$1" -days 36500 -out "$1.pem"
}

certificate() { # NAME AUTHORITY SUBJECT SUBJECT_ALT_NAME [END [START]]
  openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1.key"
  openssl req -new -key "$1.key" -subj "$3" -out "$work/$1.csr"
  : > "$work/index.txt"
  printf '[x]\n%s\n[ca]\ndatabase=%s\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n' \
    "${4:+subjectAltName=$4}" "$work/index.txt" "$work" > "$work/ca.cnf"
  openssl ca -batch -notext -config "$work/ca.cnf" -name ca -extensions x -in "$work/$1.csr" -cert "$2.pem" \
    -keyfile "$work/$2.key" -startdate "${6:-20200101000000Z}" -enddate "${5:-$LONG}" -out "$1.pem" 2> "$work/log" || { cat "$work/log"; exit 1; }
}

authority ca
authority other-ca
certificate server ca /CN=relay.example 'IP:127.0.0.1,DNS:localhost'
certificate renewed-server other-ca /CN=relay.example 'IP:127.0.0.1,DNS:localhost'
certificate search-team ca /CN=some-pod 'URI:spiffe://acme.example/search-team'
certificate ads-team ca /CN=ads-team ''
certificate nobody ca /CN=some-pod 'URI:spiffe://acme.example/unknown'
certificate expired ca /CN=some-pod 'URI:spiffe://acme.example/search-team' 20210101000000Z
certificate premature ca /CN=some-pod 'URI:spiffe://acme.example/search-team' "$LONG" 21000101000000Z
certificate foreign other-ca /CN=some-pod 'URI:spiffe://acme.example/search-team'
