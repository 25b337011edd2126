package harness

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// HeadlessService is a name with an address for each pod behind it, as the cluster's DNS gives for a headless Service.
type HeadlessService struct {
	// Server is where to ask for it.
	Server string

	mutex     sync.Mutex
	addresses []netip.Addr
	asked     int
}

// ServeHeadless starts a name server that answers every question for an A record with the current addresses.
func ServeHeadless(addresses ...string) (*HeadlessService, error) {
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	service := &HeadlessService{Server: socket.LocalAddr().String()}
	service.Set(addresses...)
	go service.serve(socket)
	return service, nil
}

// Set changes the addresses, as the endpoints change with the pods.
func (h *HeadlessService) Set(addresses ...string) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.addresses = nil
	for _, address := range addresses {
		h.addresses = append(h.addresses, netip.MustParseAddr(address))
	}
}

// Asked tells how often the addresses have been asked for.
func (h *HeadlessService) Asked() int {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.asked
}

func (h *HeadlessService) serve(socket net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		length, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(buffer[:length]) != nil || len(question.Questions) == 0 {
			continue
		}
		answer := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: question.ID, Response: true, Authoritative: true, RecursionAvailable: true},
			Questions: question.Questions,
			Answers:   h.answers(question.Questions[0]),
		}
		if packed, err := answer.Pack(); err == nil {
			_, _ = socket.WriteTo(packed, from)
		}
	}
}

func (h *HeadlessService) answers(question dnsmessage.Question) []dnsmessage.Resource {
	if question.Type != dnsmessage.TypeA {
		return nil
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.asked++
	var answers []dnsmessage.Resource
	for _, address := range h.addresses {
		answers = append(answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET, TTL: 5},
			Body:   &dnsmessage.AResource{A: address.As4()},
		})
	}
	return answers
}
