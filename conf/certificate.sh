# shellcheck shell=bash
#
# The certificate of conf/serve: sourced by it, not run.  Everything is in the
# folder "tls" of the current one.


# certificate_make NAME,...: makes a certificate, signed by an authority of its
# own.  The authority's key is deleted, so that nobody can sign another
# certificate that its clients would trust.  An existing certificate is kept if
# it has these names and is valid for another 30 days.

certificate_make() {
    local names=$1 name list=

    if [ -e tls ] && [ "$(cat tls/names)" = "$names" ] \
        && openssl x509 -noout -checkend 2592000 -in tls/server.crt >/dev/null
    then
        return 0
    fi

    for name in ${names//,/ }; do
        if [[ $name =~ ^[0-9.]+$ ]]; then
            list+=,IP:$name
        else
            list+=,DNS:$name
        fi
    done

    rm -rf tls.new
    mkdir -m 755 tls.new

    if ! (cd tls.new && certificate_sign "$names" "${list#,}"); then
        rm -rf tls.new
        return 1
    fi

    rm -rf tls
    mv tls.new tls
}


# Makes the files in the current folder.

certificate_sign() {
    local names=$1 list=$2
    local new=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)

    cat >openssl.cnf <<END
[req]
distinguished_name = name
prompt = no
[name]
CN = nginx-tracker $(date +%F)
[authority]
basicConstraints = critical,CA:TRUE,pathlen:0
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $list
END

    umask 077

    openssl req -x509 "${new[@]}" -keyout ca.key -days 825 \
            -config openssl.cnf -extensions authority -out ca.crt \
        && openssl req -new "${new[@]}" -keyout server.key \
            -config openssl.cnf -subj "/CN=${names%%,*}" -out server.csr \
        && openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key \
            -set_serial "0x$(openssl rand -hex 16)" -days 825 \
            -extfile openssl.cnf -extensions server -out server.crt \
        && rm ca.key server.csr openssl.cnf \
        && echo "$names" >names \
        && chmod 644 ca.crt server.crt
}
